"""`metric-pose bag` with an estimator for tests: the first pixel of an image says how many people are in it."""

import sys
from functools import partial

from metric_pose_ros.commands import bag, main
from test.people_in_the_image import PeopleInTheImage

if __name__ == "__main__":
    bag.run = partial(bag.run, open_streams=PeopleInTheImage)  # type: ignore[assignment]
    sys.exit(main(["bag", *sys.argv[1:]]))
