"""HTTP beside the socket: for operators, for what watches the gateway, and for the cloud functions that toys call."""
