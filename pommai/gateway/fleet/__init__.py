"""Many gateways as one: who serves which toy, who toys are to be, what operators order and what alarms them."""
