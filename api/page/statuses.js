// Where a job can be, in the order of its life. (tests/unit/test_page_lists.py compares this with client/scriptqueue/schemas.py.)

export const STATUSES = ["queued", "running", "canceling", "succeeded", "failed", "canceled", "expired"];
