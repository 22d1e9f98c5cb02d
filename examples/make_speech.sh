#!/bin/sh
# Makes the speech of the examples anew, in this folder: a child of espeak-ng's, 16 kHz, mono, 16 bit.
# Needs espeak-ng and sox. The files are committed, so nobody has to run this.
#
# In the evening the child has a voice that tests/data/vosk-tiny was not trained on, and understands all the same.
set -eu
cd "$(dirname "$0")"

say() { # FILE WORDS VOICE PITCH
    espeak-ng -v "$3" -p "$4" -s 150 --stdout "$2" |
        sox -t wav - -D -r 16000 -c 1 -b 16 "$1" norm -6 silence 1 0.01 0.5% reverse silence 1 0.01 0.5% pad 0.1 reverse pad 0.1
}

daytime() { say "$1" "$2" en-us+f2 60; }
evening() { say "$1" "$2" en-us+Annie 55; }

daytime hello.wav 'Hello Pommai! Do you like rainy days?'
daytime joke.wav 'Knock, knock! Who is there?'
daytime more.wav 'Wait, I know a better one!'
daytime dinosaur.wav 'How old are you, Rex?'

evening hey-pommai.wav 'Hey Pommai'
evening moon.wav 'Can you see the moon?'
evening tell-me-a-joke.wav 'Tell me a joke'
evening sing-a-song.wav 'Sing me a song'
evening gun.wav 'Give me the gun'
evening stupid.wav 'You are stupid'
evening shut-up.wav 'Shut up'
evening good-night.wav 'Good night'
