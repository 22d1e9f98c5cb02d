#!/bin/sh
# Makes the speech of the examples anew, in this folder: a child of espeak-ng's, 16 kHz, mono, 16 bit.
# Needs espeak-ng and sox. The files are committed, so nobody has to run this.
set -eu
cd "$(dirname "$0")"

say() { # FILE WORDS
    espeak-ng -v en-us+f2 -p 60 -s 150 --stdout "$2" |
        sox -t wav - -D -r 16000 -c 1 -b 16 "$1" norm -6 silence 1 0.01 0.5% reverse silence 1 0.01 0.5% pad 0.1 reverse pad 0.1
}

say hello.wav 'Hello Pommai! Do you like rainy days?'
say joke.wav 'Knock, knock! Who is there?'
say more.wav 'Wait, I know a better one!'
say anybody.wav 'Is anybody there?'
say dinosaur.wav 'How old are you, Rex?'
