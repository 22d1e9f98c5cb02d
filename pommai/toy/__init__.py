"""The running toy: the runtime, its settings and logs; wires everything together."""
