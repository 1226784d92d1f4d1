"""The officer's rooms about retention: policies with their simulator, legal holds, what is due, late and held, erasures, what people take with them, and processors."""

from config.adminretention import artifacts, erasures, exports, holds, policies, processors

__all__ = ["artifacts", "erasures", "exports", "holds", "policies", "processors"]
