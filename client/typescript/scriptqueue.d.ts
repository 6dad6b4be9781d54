// The API of scriptqueue. Made by `make types` of its OpenAPI document; do not edit.

interface Headers { [name: string]: unknown }

/** A board to start from: a job's, a given one, or both: the given one as a take of that job. */
export interface Base {
  /** one of yours, with a result */
  job?: string | null;
  /** as `result` has it; `null` among its `scenes`: write one here. What is computed is ignored */
  storyboard?: { [key: string]: JsonValue } | null;
}

/** How many jobs of a batch are in each status; `gone`: deleted or past their lifetime. */
export interface BatchCounts {
  /** @default 0 */
  queued?: number;
  /** @default 0 */
  running?: number;
  /** @default 0 */
  canceling?: number;
  /** @default 0 */
  succeeded?: number;
  /** @default 0 */
  failed?: number;
  /** @default 0 */
  canceled?: number;
  /** @default 0 */
  expired?: number;
  /** @default 0 */
  gone?: number;
}

/** Jobs to queue together. */
export interface BatchRequest { jobs: JobRequest[]; }

export interface BatchUrls { self: string; cancel: string; }

/** Jobs that were sent together; `jobs` are their ids in the order of the request. */
export interface BatchView {
  id: string;
  created_at: string;
  done: boolean;
  total: number;
  counts: BatchCounts;
  jobs: string[];
  /** as a job's */
  durability?: "replicated" | "primary" | null;
  urls: BatchUrls;
}

/** One of the cast. The look is what every prompt of a shot says that shows the person, word for word. */
export interface Character { id: string; name: string; look: string; }

/** A board as it is valid. */
export interface CheckedStoryboard {
  storyboard: Storyboard;
  /** false: it was valid as it came, and the `repairs` only tell what may be changed */
  mended: boolean;
  /** what was mended, and what a reader may want to change */
  repairs: string[];
  /** of each of the `repairs`, in their order */
  repair_codes: RepairCode[];
}

/** A job that failed as `worker_lost`. A crash ends the worker; a lapse is its being killed or silent. */
export interface DeadJob {
  id: string;
  failed_at: string;
  attempts: number;
  crashes: number;
  lapses: number;
  prompt: string;
  priority: "high" | "normal" | "low";
  metadata: { [key: string]: JsonValue };
}

export interface DeadList { jobs: DeadJob[]; }

/** One event of a job on its way to the job's webhook. */
export interface Delivery {
  /** the event's number, as in the job's event stream */
  number: number;
  /** the header of this name; the same in every try */
  webhook_id: string;
  type: "job.status" | "job.scene" | "job.done";
  created_at: string;
  /** `failed`: it is not tried again; `dropped`: nor ever was, after a 410 */
  state: "waiting" | "sending" | "delivered" | "failed" | "dropped";
  /** since it was created or last sent again */
  tries: number;
  /** the last 20 */
  attempts: DeliveryAttempt[];
  /** while `waiting` */
  next_attempt_at?: string | null;
}

/** One try to deliver an event. */
export interface DeliveryAttempt {
  at: string;
  took_s: number;
  /** the receiver's answer; null: there was none */
  status?: number | null;
  /** why there was no answer */
  error?: "timeout" | "name_not_resolved" | "address_refused" | "connection_failed" | "tls_failed" | "bad_answer" | "internal" | null;
}

export interface DeliveryList { deliveries: Delivery[]; }

/** A job is done: the whole job, as `GET /jobs/{id}` tells it. */
export interface DoneMessage {
  /** @default "job.done" */
  type?: "job.done";
  /** when it came to be so; the header tells when it was sent */
  timestamp: string;
  data: Job;
}

export interface Failure {
  code: string;
  title: string;
  detail: string;
  retryable: boolean;
  /** the end of what the model had written */
  text?: string | null;
}

/** One thing that is wrong with a request's body, or with a parameter of its query: then `detail` says so. */
export interface Fault {
  /** JSON Pointer (RFC 6901) into the body or the query; empty: the whole body */
  pointer: string;
  code: string;
  detail: string;
  /** what `detail` speaks of, for programs that say it otherwise */
  values?: { [key: string]: JsonValue } | null;
}

export interface Health { status: "ok" | "ready"; }

/** A job as clients see it. Poll until `done`. */
export interface Job {
  id: string;
  status: Status;
  done: boolean;
  created_at: string;
  started_at?: string | null;
  finished_at?: string | null;
  expires_at?: string | null;
  /** @default 0 */
  attempt?: number;
  priority: "high" | "normal" | "low";
  queue?: QueuePlace | null;
  progress?: Progress | null;
  /** @default [] */
  scenes?: Scene[];
  result?: Storyboard | null;
  source?: "model" | "repaired" | "fallback" | "cache" | "stub" | "edited" | null;
  /** @default [] */
  repairs?: string[];
  /**
   * of each of the `repairs`, in their order
   * @default []
   */
  repair_codes?: RepairCode[];
  /**
   * what was read in the prompt, what of it cannot be met, why a candidate was chosen
   * @default []
   */
  notes?: string[];
  model?: ModelInfo | null;
  metrics?: Metrics | null;
  error?: Failure | null;
  /** @default {} */
  metadata?: { [key: string]: JsonValue };
  /** the job that this one tries again */
  retry_of?: string | null;
  /** the job whose board this one started from */
  base_of?: string | null;
  /** the batch that it came in */
  batch?: string | null;
  /**
   * the first 80 characters of the prompt
   * @default ""
   */
  prompt_start?: string;
  /** `replicated`: what this says is on as many replicas as the service waits for; `primary`: on the primary alone, as far as is known, and a failover may lose it; null: the service waits for none */
  durability?: "replicated" | "primary" | null;
  urls: Urls;
}

/** A page of jobs, newest first. */
export interface JobList {
  jobs: Job[];
  /** the `cursor` of the next page; null: none. A page may hold fewer than `limit` */
  next: string | null;
  /** with `counts=true`: how many of your newest 10,000 jobs are in each state; none is left out */
  counts?: { [key: string]: number } | null;
}

/** One creative prompt and how to write its storyboard. */
export interface JobRequest {
  /**
   * `break_down`: the prompt is a finished script, and its words are kept
   * @default "write"
   */
  mode?: "write" | "break_down";
  /** to 4,000 characters, a finished script to 20,000; may be left out with `base` */
  prompt?: string;
  /** @default 3 */
  min_scenes?: number;
  /** @default 8 */
  max_scenes?: number;
  /**
   * the shortest a scene may last
   * @default 3
   */
  scene_min_s?: number;
  /** @default 8 */
  scene_max_s?: number;
  /** when set, total_duration equals it */
  target_duration_s?: number | null;
  /**
   * a BCP 47 tag; auto: the prompt's own
   * @default "auto"
   */
  language?: string;
  /**
   * the cast; with it `fields` has `characters`
   * @default []
   */
  characters?: Character[];
  /**
   * of each scene, besides those that all have
   * @default []
   */
  fields?: ("size" | "angle" | "movement" | "pace" | "transition" | "setting" | "light" | "narration" | "dialogue" | "sound" | "on_screen_text" | "first_frame" | "last_frame" | "characters")[];
  /** the visual style of the whole board */
  style?: string | null;
  /** what the writer must heed */
  instructions?: string | null;
  aspect_ratio?: "16:9" | "9:16" | "1:1" | "4:3" | "3:4" | "21:9" | null;
  /**
   * video models to write prompts for
   * @default []
   */
  targets?: ("generic" | "wan-2.2" | "hunyuan-1.5" | "ltx-2" | "minimax-h3" | "kling-3" | "veo-3.1" | "sora-2" | "seedance-2")[];
  /**
   * no two scenes the same or nearly so
   * @default true
   */
  distinct?: boolean;
  /**
   * outline the scenes first, a line each; takes longer
   * @default false
   */
  outline?: boolean;
  /** start from this board; of a `job` the prompt and all of the above are its own if left out */
  base?: Base | null;
  /**
   * with `base`: write these scenes anew, all others stay; numbers after the last one append
   * @default []
   */
  rewrite?: number[];
  /** with `rewrite`: what should be different */
  note?: string | null;
  /** only workers that serve this model write it, as `GET /queue` names them; null: any worker */
  model?: string | null;
  /**
   * a length or a number of scenes in the prompt fills fields left out
   * @default true
   */
  read_prompt?: boolean;
  /**
   * control characters count as blanks
   * @default "high quality, cinematic, detailed, 4k, professional"
   */
  quality_keywords?: string;
  /** @default {"do_sample": true, "temperature": 0.7, "top_p": 0.9, "max_new_tokens": 1536} */
  sampling?: Sampling;
  /**
   * boards that are written side by side; the best by measurable rules is the result
   * @default 1
   */
  candidates?: number;
  /** @default "normal" */
  priority?: "high" | "normal" | "low";
  /** @default true */
  allow_fallback?: boolean;
  /**
   * false: a generation of its own, whose result answers no other job
   * @default true
   */
  use_cache?: boolean;
  /**
   * longest wait for the first start
   * @default 3600
   */
  queue_timeout_s?: number;
  /** @default 300 */
  execution_timeout_s?: number;
  /**
   * how long the result is kept
   * @default 86400
   */
  result_ttl_s?: number;
  /** the job must have started by then */
  deadline?: string | null;
  webhook?: Webhook | null;
  /** echoed; at most 4 kB as JSON */
  metadata?: { [key: string]: JsonValue };
}

export type JsonValue = unknown;

export interface Metrics {
  queue_s: number;
  run_s: number;
  prompt_tokens: number;
  output_tokens: number;
  tokens_per_s: number;
}

/** What ended in one minute, of all clients together. */
export interface MinuteView {
  /** its beginning */
  minute: string;
  succeeded: number;
  failed: number;
  canceled: number;
  expired: number;
  /** of those that succeeded: answered by another job's result */
  cached: number;
}

export interface ModelInfo {
  name: string;
  revision?: string | null;
  dtype?: string | null;
  weight_bits?: number | null;
  seed?: number | null;
}

/** An error (RFC 9457). `type` and `code` are stable; `type` answers a GET with what it means. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  /** one entry a fault, for `invalid_request` */
  errors?: Fault[] | null;
  /** for `deadline_too_soon`: an estimate */
  earliest_start?: string | null;
  /** for a 404: when Redis began empty, was started anew or failed over; what was accepted before may be lost, what was accepted later never was */
  store_changed?: string | null;
}

/** The documentation behind a problem's `type`. */
export interface ProblemType {
  type: string;
  code: string;
  title: string;
  /** null: told in a job's `error`, never as an answer */
  status: number | null;
  /** what to do about it */
  advice: string;
}

export interface Progress {
  phase: "starting" | "prefill" | "writing" | "validating";
  /**
   * tokens written so far, forced ones included
   * @default 0
   */
  tokens?: number;
  /** @default 0 */
  scenes_done?: number;
  /** @default 0.0 */
  fraction?: number;
  /** the end of what is written, as raw text that may still change; not in events */
  text?: string | null;
}

export interface QueuePlace {
  /** 1 is next */
  position: number;
  /** seconds until a result; null when there is nothing to measure by */
  eta_s: number | null;
  /** what must come before it can start: a worker that serves the model it names */
  waits_for?: string | null;
}

/** How full the queue is and who works on it. */
export interface QueueView {
  depth: { [key: string]: number };
  running: number;
  workers: Worker[];
  /** all workers together */
  tokens_per_s: number;
  /** models that waiting jobs name and no worker serves now, and how many wait */
  unserved?: { [key: string]: number };
  /** processes that send webhooks; while there is none, they wait */
  webhook_senders: number;
  /** jobs that failed, by the code of their error; of all clients together */
  failures_last_hour?: { [key: string]: number };
  /** the minutes in which jobs ended, the oldest first */
  last_hour?: MinuteView[];
  /** seconds until a job of normal priority posted now has its result; null: nothing to measure by */
  eta_s: number | null;
}

/** A repair for programs: `repairs` says the same in English. */
export interface RepairCode {
  /** clients show one that they do not know by its sentence in `repairs` */
  code: string;
  /** the number of the scene that it is about; null: the board */
  scene?: number | null;
  /**
   * what stands in its sentence, by name
   * @default {}
   */
  values?: { [key: string]: string };
}

/** How tokens are chosen. A field left out takes the service's `GENERATION__*` setting. */
export interface Sampling {
  /** @default true */
  do_sample?: boolean;
  /**
   * 0 is greedy
   * @default 0.7
   */
  temperature?: number;
  /** @default 0.9 */
  top_p?: number;
  /** null: drawn at submit and told in `model.seed` */
  seed?: number | null;
  /**
   * sampled tokens; those the grammar forces are free. Left out, it grows with fields and scenes
   * @default 1536
   */
  max_new_tokens?: number;
}

/** One scene of a storyboard. */
export interface Scene {
  scene_number: number;
  description: string;
  /** seconds */
  duration: number;
  camera: "wide shot" | "medium shot" | "close up";
  action: string;
  /** the description and the quality keywords, for a text-to-video model */
  video_prompt: string;
  size?: "extreme wide" | "wide" | "full" | "medium wide" | "medium" | "medium close up" | "close up" | "extreme close up" | null;
  angle?: "eye level" | "low" | "high" | "overhead" | "ground level" | "dutch" | "over the shoulder" | "point of view" | null;
  movement?: "static" | "push in" | "pull out" | "pan left" | "pan right" | "tilt up" | "tilt down" | "truck left" | "truck right" | "crane up" | "crane down" | "orbit" | "follow" | "handheld" | "zoom in" | "zoom out" | null;
  pace?: "slow" | "normal" | "fast" | null;
  transition?: "cut" | "dissolve" | "fade" | "wipe" | "match cut" | null;
  /** place and time of day */
  setting?: string | null;
  light?: string | null;
  /** spoken over the shot */
  narration?: string | null;
  /** spoken in the shot; [] where nobody speaks */
  dialogue?: SpokenLine[] | null;
  sound?: string | null;
  on_screen_text?: string | null;
  /** for image-to-video models */
  first_frame?: string | null;
  /** for image-to-video models */
  last_frame?: string | null;
  /** ids of the cast who are seen */
  characters?: string[] | null;
  /** by the name of a target the scene's prompt for it */
  prompts?: { [key: string]: string } | null;
}

/** A scene is complete and will not change. */
export interface SceneMessage {
  /** @default "job.scene" */
  type?: "job.scene";
  /** when it came to be so; the header tells when it was sent */
  timestamp: string;
  data: SceneNews;
}

export interface SceneNews { id: string; scene: Scene; metadata: { [key: string]: JsonValue }; }

/** What one of the cast says in a shot. */
export interface SpokenLine {
  /** the id of one of the cast */
  character: string;
  line: string;
}

/** Where a job is: queued -> running -> (canceling ->) one of the four that are done. */
export type Status = "queued" | "running" | "canceling" | "succeeded" | "failed" | "canceled" | "expired";

/** A job has a new status, or a new attempt. */
export interface StatusMessage {
  /** @default "job.status" */
  type?: "job.status";
  /** when it came to be so; the header tells when it was sent */
  timestamp: string;
  data: StatusNews;
}

export interface StatusNews { id: string; status: Status; attempt: number; metadata: { [key: string]: JsonValue }; }

/** A validated storyboard. The number of scenes is between the request's `min_scenes` and `max_scenes`. */
export interface Storyboard {
  title: string;
  /** seconds, the sum of the scenes */
  total_duration: number;
  scenes: Scene[];
  /** the cast, as it was given or written */
  characters?: Character[] | null;
  /** as the request gave it */
  style?: string | null;
  /** as the request gave it */
  aspect_ratio?: "16:9" | "9:16" | "1:1" | "4:3" | "3:4" | "21:9" | null;
  /** the BCP 47 tag of its texts */
  language?: string | null;
}

/** A board, and what it is held to; what is left out, the board itself says. */
export interface StoryboardCheck {
  /** as `result` has it; what is computed is ignored */
  storyboard: { [key: string]: JsonValue };
  min_scenes?: number;
  max_scenes?: number;
  scene_min_s?: number;
  scene_max_s?: number;
  target_duration_s?: number | null;
  language?: string;
  fields?: ("size" | "angle" | "movement" | "pace" | "transition" | "setting" | "light" | "narration" | "dialogue" | "sound" | "on_screen_text" | "first_frame" | "last_frame" | "characters")[];
  characters?: Character[];
  style?: string | null;
  aspect_ratio?: "16:9" | "9:16" | "1:1" | "4:3" | "3:4" | "21:9" | null;
  targets?: ("generic" | "wan-2.2" | "hunyuan-1.5" | "ltx-2" | "minimax-h3" | "kling-3" | "veo-3.1" | "sora-2" | "seedance-2")[];
  quality_keywords?: string;
}

/** Jobs that start from one another's boards, the oldest first. */
export interface TakeList { takes: Job[]; }

/**
 * What a video model takes; what it sets no limit to is absent. A word is one of a script with blanks between
 * words, or a character of one without.
 */
export interface TargetLimits {
  /** the only seconds that a shot may last */
  shot_s?: number[] | null;
  /** a longer shot is made in parts, or worse */
  usual_shot_s?: number | null;
  /** the fewest and the most seconds of one call */
  call_s?: [number, number] | null;
  /** the most shots of one call */
  call_shots?: number | null;
  /** the most characters of all prompts of one call */
  call_characters?: number | null;
  /** of a prompt */
  least_words?: number | null;
  /** of a prompt */
  most_words?: number | null;
  /** the most of each kind that one call takes */
  references?: { [key: string]: number } | null;
}

/** All video models that prompts can be written for. */
export interface TargetList { targets: TargetView[]; }

/** A video model that `targets` of a request may name. */
export interface TargetView {
  name: string;
  limits: TargetLimits;
  /** to send beside each prompt; null: it takes none */
  negative_prompt: string | null;
  /** where the limits were read */
  source: string;
  /** in which month */
  read_on: string;
  /** false: read on others' pages than the vendor's own */
  sure: boolean;
}

export interface Urls { self: string; events: string; result: string; cancel: string; }

/** Where the job's events are posted. */
export interface Webhook {
  url: string;
  /** @default ["done"] */
  events?: ("status" | "scene" | "done")[];
}

/** One worker process; `slots` jobs run at once, `busy` of them now. */
export interface Worker {
  worker: string;
  state: "loading" | "ready" | "draining" | "broken";
  model: string;
  device: string;
  dtype: string;
  slots: number;
  busy: number;
  tokens_per_s: number;
  /**
   * which decode loop writes; empty: there is no model
   * @default ""
   */
  batching?: string;
  /**
   * which attention the model runs; empty the same
   * @default ""
   */
  attention?: string;
}

export interface paths {
  "/jobs": {
    /**
     * Queue a prompt. With `Prefer: wait=N` the answer comes when the job is done, or after N seconds (at most 60).
     * A POST repeated with its `Idempotency-Key` within 24 hours is answered with the first one's job.
     */
    post: {
      parameters: {
        query?: never;
        header?: {
          /** `wait=N`: the answer may take up to N seconds, at most 60 */
          prefer?: string;
          /** any unique text: within 24 hours the same key with the same body makes nothing new */
          "idempotency-key"?: string | null;
        };
        path?: never;
        cookie?: never;
      };
      requestBody: { content: { "application/json": JobRequest; }; };
      responses: {
        /** It is done: from the cache, an edited board, finished within `Prefer: wait=N`, or met so by a repeated POST */
        200: { headers: Headers; content: { "application/json": Job; }; };
        /** Accepted: it will reach a terminal state */
        202: { headers: Headers; content: { "application/json": Job; }; };
        /** The body is not well-formed JSON */
        400: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** This service is not known by that name; or: A page of another site may change nothing here */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The body came too slowly */
        408: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job has not finished yet; or: The job ended without a storyboard */
        409: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The body is larger than this endpoint takes */
        413: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The body must be sent as application/json; or: The body must be sent as it is, in no content coding */
        415: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The deadline passes before the job could start; or: No worker has served the model that the job names within the last hour */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** You have sent more new jobs than your rate allows; or: You have as many jobs waiting and running as you may; or: You have as many jobs waiting as the queue has places left for others; or: You have as many event streams and long polls open as you may */
        429: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The queue is full; or: Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
    /** Your jobs, newest first, as long as their records are kept. Jobs that come meanwhile move no page. */
    get: {
      parameters: {
        query?: {
          /** only jobs that are in this state now */
          status?: Status | null;
          limit?: number;
          /** `next` of the page before */
          cursor?: string | null;
          /** names of a job's fields, with commas: only these, besides those that every job has. A result holds its scenes; `scenes` beside it says them twice */
          fields?: string | null;
          /** also tell how many of your jobs are in each state */
          counts?: boolean;
        };
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": JobList; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/batches": {
    /** Queue up to 1,000 jobs, all or none. `Idempotency-Key` works as for one job. */
    post: {
      parameters: {
        query?: never;
        header?: {
          /** any unique text: within 24 hours the same key with the same body makes nothing new */
          "idempotency-key"?: string | null;
        };
        path?: never;
        cookie?: never;
      };
      requestBody: { content: { "application/json": BatchRequest; }; };
      responses: {
        /** Accepted, every one of them */
        202: { headers: Headers; content: { "application/json": BatchView; }; };
        /** The body is not well-formed JSON */
        400: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** This service is not known by that name; or: A page of another site may change nothing here */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such batch */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The body came too slowly */
        408: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The body is larger than this endpoint takes */
        413: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The body must be sent as application/json; or: The body must be sent as it is, in no content coding */
        415: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid; or: The idempotency key was sent before with another body; or: The deadline passes before the job could start; or: No worker has served the model that the job names within the last hour */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** You have sent more new jobs than your rate allows; or: You have as many jobs waiting and running as you may; or: You have as many jobs waiting as the queue has places left for others */
        429: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The queue is full; or: Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/dead": {
    /** Your jobs that failed as `worker_lost`, newest first; kept for a week. */
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": DeadList; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/queue": {
    /**
     * How full the queue is and who works on it. A worker whose model is `stub` writes no real storyboards. Where the
     * models of ready workers differ, whichever is free writes a job that names none; the job's own `model`
     * says which.
     */
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": QueueView; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/metrics": {
    /** Figures for Prometheus: jobs, queue and workers as Redis counts them, HTTP as this process saw it. */
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Prometheus' text format */
        200: { headers: Headers; content: { "text/plain": string; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/healthz": {
    /** Whether the process lives; says nothing of Redis or workers. */
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": Health; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/readyz": {
    /** Whether a job posted now runs: Redis answers, is fit for jobs, and a worker is ready. */
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": Health; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes; or: No worker is ready */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/targets": {
    /** The video models that `targets` of a request may name: their limits, and the negative prompt for each. */
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": TargetList; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/jobs/{job_id}": {
    /**
     * The job as it is. With `Prefer: wait=N` the answer comes with the next change of status, scenes or progress: from
     * the `ETag` in `If-None-Match`, else from the state at arrival. A job that is done changes no more.
     */
    get: {
      parameters: {
        query?: never;
        header?: {
          /** the `ETag` that is known: 304 while it stands */
          "if-none-match"?: string | null;
          /** `wait=N`: the answer may take up to N seconds, at most 60 */
          prefer?: string;
        };
        path: { job_id: string; };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": Job; }; };
        /** Not changed */
        304: { headers: Headers; content?: never; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** You have as many event streams and long polls open as you may */
        429: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
    /** Forget a finished job, its prompt and its result. From then on it is 410, for 7 days. */
    delete: {
      parameters: { query?: never; header?: never; path: { job_id: string; }; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        204: { headers: Headers; content?: never; };
        /** This service is not known by that name; or: A page of another site may change nothing here */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job has not finished yet */
        409: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/batches/{batch_id}": {
    /** How far the jobs of a batch are. */
    get: {
      parameters: { query?: never; header?: never; path: { batch_id: string; }; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": BatchView; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such batch */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/storyboards/check": {
    /** A board as it would be valid, mended where that can be; fields as in a request say what it is held to. */
    post: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody: { content: { "application/json": StoryboardCheck; }; };
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": CheckedStoryboard; }; };
        /** The body is not well-formed JSON */
        400: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** This service is not known by that name; or: A page of another site may change nothing here */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The body came too slowly */
        408: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The body is larger than this endpoint takes */
        413: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The body must be sent as application/json; or: The body must be sent as it is, in no content coding */
        415: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/schemas/storyboard.json": {
    /** The JSON Schema of a storyboard. */
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/schema+json": { [key: string]: unknown }; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/problems/{code}": {
    /**
     * What a problem's `type` means, and what to do about it; a browser is shown a page. In English, or in Chinese
     * where `Accept-Language` would rather have it.
     */
    get: {
      parameters: { query?: never; header?: never; path: { code: string; }; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": ProblemType; "text/html": string; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** There is nothing at this path */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/jobs/{job_id}/request": {
    /** What was asked for, with every default and the seed: what a job itself does not repeat. */
    get: {
      parameters: { query?: never; header?: never; path: { job_id: string; }; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": JobRequest; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/jobs/{job_id}/cancel": {
    /** Stop a job. Safe to repeat; a job that is done stays as it is. */
    post: {
      parameters: { query?: never; header?: never; path: { job_id: string; }; cookie?: never; };
      requestBody?: never;
      responses: {
        /** It was queued or already done */
        200: { headers: Headers; content: { "application/json": Job; }; };
        /** It runs: `canceling`, until its place is free */
        202: { headers: Headers; content: { "application/json": Job; }; };
        /** This service is not known by that name; or: A page of another site may change nothing here */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/jobs/{job_id}/retry": {
    /**
     * Queue a new job like one that failed, was canceled or expired. Its seed is drawn anew unless you gave one; it may
     * run longer, or less long, if `execution_timeout_s` says so.
     */
    post: {
      parameters: {
        query?: {
          /** seconds that the new job may run; left out: as the one before */
          execution_timeout_s?: number | null;
        };
        header?: {
          /** any unique text: within 24 hours the same key with the same body makes nothing new */
          "idempotency-key"?: string | null;
        };
        path: { job_id: string; };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** Accepted: a new job */
        202: { headers: Headers; content: { "application/json": Job; }; };
        /** This service is not known by that name; or: A page of another site may change nothing here */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Only a job that failed, was canceled or expired can be tried again */
        409: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid; or: The idempotency key was sent before with another body; or: The deadline passes before the job could start; or: No worker has served the model that the job names within the last hour */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** You have sent more new jobs than your rate allows; or: You have as many jobs waiting and running as you may; or: You have as many jobs waiting as the queue has places left for others */
        429: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes; or: The queue is full */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/batches/{batch_id}/cancel": {
    /** Stop every job of a batch that is not done. Safe to repeat. */
    post: {
      parameters: { query?: never; header?: never; path: { batch_id: string; }; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Every job is done */
        200: { headers: Headers; content: { "application/json": BatchView; }; };
        /** Some are `canceling`, until their places are free */
        202: { headers: Headers; content: { "application/json": BatchView; }; };
        /** This service is not known by that name; or: A page of another site may change nothing here */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such batch */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/jobs/{job_id}/result": {
    /**
     * The bare storyboard; with `format`, or by the `Accept` header, as a file for spreadsheets, players, editors. Of a
     * job that ended without a storyboard, such a file has the scenes that were finished.
     */
    get: {
      parameters: {
        query?: {
          /** the format of the file; `Accept` may name it by its media type instead */
          format?: "json" | "csv" | "srt" | "vtt" | "otio" | "edl" | "fcpxml" | "fountain" | "md" | "prompts" | null;
          /** frames a second, for the formats that count in them; 24 */
          fps?: 24 | 25 | 30 | 50 | 60 | null;
          /** the video model that `prompts` are for; see `GET /targets` */
          target?: "generic" | "wan-2.2" | "hunyuan-1.5" | "ltx-2" | "minimax-h3" | "kling-3" | "veo-3.1" | "sora-2" | "seedance-2" | null;
        };
        header?: {
          /** which format, by its media type, where `format` names none */
          accept?: string;
        };
        path: { job_id: string; };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: {
          headers: Headers;
          content: {
            "application/json": Storyboard;
            "text/csv": string;
            "application/x-subrip": string;
            "text/vtt": string;
            "application/x-otio+json": { [key: string]: unknown };
            "application/x-edl": string;
            "application/x-fcpxml+xml": string;
            "text/x-fountain": string;
            "text/markdown": string;
            "text/plain": string;
          };
        };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** There is no board in any of the media types that are accepted */
        406: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job has not finished yet; or: The job ended without a storyboard */
        409: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/jobs/{job_id}/takes": {
    /**
     * The takes of a board, the oldest first: the jobs that start from one another's boards, this one among them; of
     * very many the first and the last 499.
     */
    get: {
      parameters: {
        query?: {
          /** names of a job's fields, with commas: only these, besides those that every job has. A result holds its scenes; `scenes` beside it says them twice */
          fields?: string | null;
        };
        header?: never;
        path: { job_id: string; };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": TakeList; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/batches/{batch_id}/result": {
    /** The boards of a batch as one zip: when it is done, each as a file, numbered as in the request. */
    get: {
      parameters: {
        query?: {
          /** the format of the file; `Accept` may name it by its media type instead */
          format?: "json" | "csv" | "srt" | "vtt" | "otio" | "edl" | "fcpxml" | "fountain" | "md" | "prompts" | null;
          /** frames a second, for the formats that count in them; 24 */
          fps?: 24 | 25 | 30 | 50 | 60 | null;
          /** the video model that `prompts` are for; see `GET /targets` */
          target?: "generic" | "wan-2.2" | "hunyuan-1.5" | "ltx-2" | "minimax-h3" | "kling-3" | "veo-3.1" | "sora-2" | "seedance-2" | null;
        };
        header?: never;
        path: { batch_id: string; };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** A file for each job that has a board, and the names of those that have none */
        200: { headers: Headers; content: { "application/zip": string; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such batch */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job has not finished yet; or: The job ended without a storyboard */
        409: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/jobs/{job_id}/events": {
    /**
     * The job's events as they come: `status` with each new status and attempt, `progress`, `scene` with each scene as
     * soon as it is complete, and at the end `done` with the whole job. `id` grows; with `Last-Event-ID` the stream goes
     * on after that event. Comments come while there is nothing to tell. Also for a job that is done already: the stream
     * is replayed.
     */
    get: {
      parameters: {
        query?: never;
        header?: {
          /** the number of the last event that is known; none: from the start */
          "last-event-id"?: string;
        };
        path: { job_id: string; };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** Events until `done` */
        200: { headers: Headers; content: { "text/event-stream": unknown; }; };
        /** The job is done and `Last-Event-ID` names its last event: do not reconnect */
        204: { headers: Headers; content?: never; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** You have as many event streams and long polls open as you may */
        429: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/jobs/{job_id}/deliveries": {
    /**
     * What became of the events of the job's webhook: those it asked for, in their order, each with its tries. Kept as
     * long as the job.
     */
    get: {
      parameters: { query?: never; header?: never; path: { job_id: string; }; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": DeliveryList; }; };
        /** This service is not known by that name */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/dead/{job_id}/requeue": {
    /** Queue a new job like one that is dead, and take it off the list. */
    post: {
      parameters: { query?: never; header?: never; path: { job_id: string; }; cookie?: never; };
      requestBody?: never;
      responses: {
        /** Accepted: a new job */
        202: { headers: Headers; content: { "application/json": Job; }; };
        /** This service is not known by that name; or: A page of another site may change nothing here */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Only a job that failed, was canceled or expired can be tried again */
        409: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The deadline passes before the job could start; or: No worker has served the model that the job names within the last hour */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** You have sent more new jobs than your rate allows; or: You have as many jobs waiting and running as you may; or: You have as many jobs waiting as the queue has places left for others */
        429: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The queue is full; or: Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
  "/jobs/{job_id}/deliveries/redeliver": {
    /**
     * Send events again, with the schedule begun anew: all that failed, also those that wait for their next try. The
     * `webhook-id` stays the same. A receiver that had answered 410 is asked again.
     */
    post: {
      parameters: {
        query?: {
          /** of one event, whatever became of it; none: all that failed */
          number?: number | null;
        };
        header?: never;
        path: { job_id: string; };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** Due at once */
        202: { headers: Headers; content: { "application/json": DeliveryList; }; };
        /** This service is not known by that name; or: A page of another site may change nothing here */
        403: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No such job */
        404: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** No delivery of this job has failed, or it has no event of that number */
        409: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** The job's result is past its lifetime or was deleted */
        410: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** A field of the request is not valid */
        422: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Something went wrong inside scriptqueue */
        500: { headers: Headers; content: { "application/problem+json": Problem; }; };
        /** Redis does not answer or refuses writes */
        503: { headers: Headers; content: { "application/problem+json": Problem; }; };
      };
    };
  };
}

export interface webhooks {
  "job.status": {
    /** A new status or a new attempt, if `events` has `status`. Tried once unless the status is a final one. */
    post: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody: { content: { "application/json": StatusMessage; }; };
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": unknown; }; };
        /** Delivered */
        "2XX": { headers: Headers; content?: never; };
        /** Nothing more of this job is sent */
        410: { headers: Headers; content?: never; };
        /** Failed: tried again if it tells how the job ended. A redirect is not followed */
        default: { headers: Headers; content?: never; };
      };
    };
  };
  "job.scene": {
    /** A scene that is complete, if `events` has `scene`. Tried once. */
    post: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody: { content: { "application/json": SceneMessage; }; };
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": unknown; }; };
        /** Delivered */
        "2XX": { headers: Headers; content?: never; };
        /** Nothing more of this job is sent */
        410: { headers: Headers; content?: never; };
        /** Failed: tried again if it tells how the job ended. A redirect is not followed */
        default: { headers: Headers; content?: never; };
      };
    };
  };
  "job.done": {
    /**
     * The job is done, if `events` has `done`. Tried for about a day: after 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h,
     * 4 h, 8 h and 8 h, each up to a fifth longer.
     */
    post: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never; };
      requestBody: { content: { "application/json": DoneMessage; }; };
      responses: {
        /** Successful Response */
        200: { headers: Headers; content: { "application/json": unknown; }; };
        /** Delivered */
        "2XX": { headers: Headers; content?: never; };
        /** Nothing more of this job is sent */
        410: { headers: Headers; content?: never; };
        /** Failed: tried again if it tells how the job ended. A redirect is not followed */
        default: { headers: Headers; content?: never; };
      };
    };
  };
}

export interface components {
  schemas: {
    Base: Base;
    BatchCounts: BatchCounts;
    BatchRequest: BatchRequest;
    BatchUrls: BatchUrls;
    BatchView: BatchView;
    Character: Character;
    CheckedStoryboard: CheckedStoryboard;
    DeadJob: DeadJob;
    DeadList: DeadList;
    Delivery: Delivery;
    DeliveryAttempt: DeliveryAttempt;
    DeliveryList: DeliveryList;
    DoneMessage: DoneMessage;
    Failure: Failure;
    Fault: Fault;
    Health: Health;
    Job: Job;
    JobList: JobList;
    JobRequest: JobRequest;
    JsonValue: JsonValue;
    Metrics: Metrics;
    MinuteView: MinuteView;
    ModelInfo: ModelInfo;
    Problem: Problem;
    ProblemType: ProblemType;
    Progress: Progress;
    QueuePlace: QueuePlace;
    QueueView: QueueView;
    RepairCode: RepairCode;
    Sampling: Sampling;
    Scene: Scene;
    SceneMessage: SceneMessage;
    SceneNews: SceneNews;
    SpokenLine: SpokenLine;
    Status: Status;
    StatusMessage: StatusMessage;
    StatusNews: StatusNews;
    Storyboard: Storyboard;
    StoryboardCheck: StoryboardCheck;
    TakeList: TakeList;
    TargetLimits: TargetLimits;
    TargetList: TargetList;
    TargetView: TargetView;
    Urls: Urls;
    Webhook: Webhook;
    Worker: Worker;
  };
}
