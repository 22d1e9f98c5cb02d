"""Light patterns as data: `led_patterns.yaml` -> the colour of every LED at time t.

Pure: no device, no clock, no event loop.

    colours.py   colour names and hex -> red, green, blue
    gamma.py     the brightness a person sees <-> the number an LED gets
    patterns.py  what a pattern is: what one LED does over a period, and how far behind the next LED is
    render.py    pattern, time, number of LEDs -> colours; frames kept for the 50 Hz push
    flashes.py   how often a light flashes, as WCAG counts it
    keys.py      the keys of led_patterns.yaml, each with its JSON Schema
    load.py      led_patterns.yaml -> LightPatterns, or every problem it has
    schema.py    the JSON Schema for editors
"""
