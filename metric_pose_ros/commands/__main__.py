"""`python -m metric_pose_ros.commands` is `metric-pose`, where nothing is installed."""

import sys

from metric_pose_ros.commands import main

sys.exit(main())
