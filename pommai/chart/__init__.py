"""statecharts: YAML -> chart -> decision table -> steps. Pure: no input or output, no asyncio, no clock."""
