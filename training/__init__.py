"""What makes the models: people rendered here, networks, losses, fitting, evaluation and export to one ONNX file."""

import os

# As in metric_pose_ros/__init__.py, since either may be imported first: ONNX Runtime tells nobody what it runs.
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ.get("ORT_DISABLE_TELEMETRY", "1")
