"""Notes a command that bash was to run, with its variables: `python recorder.py FILE WORD...` (see shell.py)."""

import json
import os
import sys

with open(sys.argv[1], "a") as file:
    print(json.dumps([sys.argv[2:], dict(os.environ)]), file=file)
