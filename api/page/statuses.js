// Where a job can be, in the order of its life. (tests/unit/test_twins.py compares this with client/scriptqueue/schemas.py.)

export const STATUSES = ["queued", "running", "canceling", "succeeded", "failed", "canceled", "expired"];

/** Of these a job can be tried again. */
export const RETRIED = ["failed", "canceled", "expired"];
