"""Starts the node with the tests' estimator that follows a bright figure."""

import sys

from metric_pose_ros.ros.node import main
from test.figure_in_the_image import open_figure

if __name__ == "__main__":
    sys.exit(main(open_streams=open_figure))
