"""The node with the tests' estimator, on a machine that has no people_msgs."""

import sys

sys.modules["people_msgs"] = None  # type: ignore[assignment]

from metric_pose_ros.ros.node import main  # noqa: E402
from test.people_in_the_image import PeopleInTheImage  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(open_streams=PeopleInTheImage))
