"""Opens a channel: reads its address and key just before they are used, so that new ones count at once."""

from drsync.model.policy import NotifyChannel
from drsync.notify.channel import Channel
from drsync.notify.exchange import Manners
from drsync.notify.webhook import DEFAULT_MANNERS, Webhook
from drsync.settings import Hidden, Reader, Settings, resolve_secret


def open_channel(
    spec: NotifyChannel, settings: Settings, *, read: Reader, manners: Manners = DEFAULT_MANNERS
) -> Channel:
    """Raises UserError when a secret cannot be read."""
    url = resolve_secret(spec.url_from, settings, read=read) if spec.url_from else Hidden(spec.url)
    key = resolve_secret(spec.signing_key, settings, read=read) if spec.signing_key else None
    return Webhook(spec, url=url, key=key, manners=manners)
