"""What a user would write in ten minutes: FastAPI before Celery, with a key in Redis as the answer. The baseline.

`uvicorn tests.bench.bare:app`; `SCRIPTQUEUE_REDIS__URL` names the Redis.
"""

from __future__ import annotations

import uuid

import redis.asyncio
from celery import Celery
from fastapi import FastAPI
from pydantic import BaseModel

from shared.settings import from_environment

URL = from_environment().redis.url.get_secret_value()
celery = Celery("bare", broker=URL)
celery.conf.task_ignore_result = True
store = redis.asyncio.Redis.from_url(URL, decode_responses=True)
app = FastAPI()


class Prompt(BaseModel):
    prompt: str


@app.post("/jobs", status_code=202)
def submit(body: Prompt) -> dict[str, str]:
    job_id = str(uuid.uuid4())
    celery.send_task("bare.run", (body.prompt,), task_id=job_id, queue="bare")
    return {"id": job_id}


@app.get("/jobs/{job_id}")
async def get(job_id: str) -> dict[str, str | bytes | None]:
    return {"id": job_id, "status": await store.get(f"bare:{job_id}")}
