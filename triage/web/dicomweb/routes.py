"""The addresses of the Worklist Service (PS3.18 Table 11.1.1-1)."""

from __future__ import annotations

from starlette.routing import Route, WebSocketRoute

from triage.web.dicomweb import PREFIX, notifications, subscriptions, workitems

_WORKITEMS = f"{PREFIX}/workitems"
_WORKITEM = f"{_WORKITEMS}/{{work_item_uid}}"
_SUBSCRIBER = f"{_WORKITEM}/subscribers/{{ae_title}}"

ROUTES = (
    Route(_WORKITEMS, workitems.search, methods=["GET"]),
    Route(_WORKITEMS, workitems.create, methods=["POST"]),
    Route(_WORKITEM, workitems.retrieve, methods=["GET"]),
    Route(_WORKITEM, workitems.update, methods=["POST"]),
    Route(f"{_WORKITEM}/state", workitems.change_state, methods=["PUT"]),
    Route(f"{_WORKITEM}/cancelrequest", workitems.request_cancellation, methods=["POST"]),
    Route(_SUBSCRIBER, subscriptions.subscribe, methods=["POST"]),
    Route(_SUBSCRIBER, subscriptions.unsubscribe, methods=["DELETE"]),
    Route(f"{_SUBSCRIBER}/suspend", subscriptions.suspend, methods=["POST"]),
    WebSocketRoute(f"{PREFIX}/ws/subscribers/{{ae_title}}", notifications.open_notifications),
)
