"""The node with an estimator for tests: the first pixel of an image says how many people are in it."""

import sys

from metric_pose_ros.ros.node import main
from test.people_in_the_image import PeopleInTheImage

if __name__ == "__main__":
    sys.exit(main(open_streams=PeopleInTheImage))
