"""The cloud functions that toys call beside their WebSocket (docs/cloud.md), answered by the gateway itself."""
