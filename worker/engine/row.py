"""A text as transformers' continuous batching sees it: a `Row` appends forced tokens to what the next step prefills.
Knows nothing of when a step is taken.
"""

from __future__ import annotations

from transformers.generation.continuous_batching.requests import RequestState, RequestStatus

from worker.engine.text import Text

NOT_FINITE = -1  # in a token's place: there was nothing to choose by


class Row(RequestState):  # type: ignore[misc]
    """transformers' view of a running request."""

    text: Text

    def update_and_check_completion(self, token_id: int, logprob: float | None) -> bool:
        if token_id == NOT_FINITE:
            self.text.finite = False
            return False
        appended = self.text.accept(token_id)
        self.generated_tokens.extend(appended)
        self.tokens_to_process = appended  # the next step prefills the forced ones with the sampled one
        if self.text.complete:
            self.status = RequestStatus.FINISHED
        return self.text.complete
