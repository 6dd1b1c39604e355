import sys

from resinc.cli import main

sys.exit(main())
