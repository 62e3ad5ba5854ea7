"""What ROS 2 Humble's rclpy (3.3) has of what later ones have: names by module, and the parameters of what is called.

Facts for `test_humble`, which compares them with what the package uses. None stands for whatever is not called.
"""

from __future__ import annotations

Parameters = tuple[str, ...] | None

MODULES: dict[str, dict[str, Parameters]] = {
    "rclpy": {
        "init": ("args", "context", "domain_id", "signal_handler_options"),
        "shutdown": ("context", "uninstall_handlers"),
        "try_shutdown": ("context",),
        "ok": ("context",),
        "create_node": None,
        "spin": ("node", "executor"),
        "spin_once": ("node", "executor", "timeout_sec"),
        "spin_until_future_complete": ("node", "future", "executor", "timeout_sec"),
    },
    "rclpy.clock": {
        "Clock": ("clock_type",),
        "ClockType": None,
        "JumpThreshold": ("min_forward", "min_backward", "on_clock_change"),
        "ROSClock": (),
        "TimeJump": None,
    },
    "rclpy.context": {"Context": ()},
    "rclpy.duration": {"Duration": ("seconds", "nanoseconds")},
    "rclpy.exceptions": {
        "ParameterException": None,
        "InvalidParameterTypeException": None,
        "InvalidParameterValueException": None,
    },
    "rclpy.executors": {
        "ExternalShutdownException": (),
        "SingleThreadedExecutor": ("context",),
        "MultiThreadedExecutor": ("num_threads", "context"),
    },
    "rclpy.lifecycle": {
        "LifecycleNode": None,
        "LifecyclePublisher": None,
        "LifecycleState": ("label", "state_id"),
        "TransitionCallbackReturn": None,
    },
    "rclpy.node": {"Node": None},
    "rclpy.parameter": {"Parameter": ("name", "type_", "value")},
    "rclpy.publisher": {"Publisher": None},
    "rclpy.qos": {
        "DurabilityPolicy": None,
        "HistoryPolicy": None,
        "ReliabilityPolicy": None,
        "QoSProfile": ("history", "depth", "reliability", "durability", "lifespan", "deadline", "liveliness"),
        "qos_policy_name_from_kind": ("policy_kind",),
        "qos_profile_sensor_data": None,
    },
    "rclpy.qos_event": {
        "PublisherEventCallbacks": ("deadline", "liveliness", "incompatible_qos", "use_default_callbacks"),
        "SubscriptionEventCallbacks": (
            "deadline", "incompatible_qos", "liveliness", "message_lost", "use_default_callbacks",
        ),
    },
    "rclpy.serialization": {
        "serialize_message": ("message",),
        "deserialize_message": ("serialized_message", "message_type"),
    },
    "rclpy.signals": {"SignalHandlerOptions": None},
    "rclpy.time": {"Time": ("seconds", "nanoseconds", "clock_type")},
    "rclpy.topic_endpoint_info": {"TopicEndpointInfo": None},
}  # fmt: skip

METHODS: dict[str, Parameters] = {
    # Node
    "add_on_set_parameters_callback": ("callback",),
    "count_publishers": ("topic_name",),
    "count_subscribers": ("topic_name",),
    "create_client": ("srv_type", "srv_name", "qos_profile", "callback_group"),
    "create_guard_condition": ("callback", "callback_group"),
    "create_publisher": (
        "msg_type", "topic", "qos_profile", "callback_group", "event_callbacks", "qos_overriding_options",
        "publisher_class",
    ),
    "create_rate": ("frequency", "clock"),
    "create_service": ("srv_type", "srv_name", "callback", "qos_profile", "callback_group"),
    "create_subscription": (
        "msg_type", "topic", "callback", "qos_profile", "callback_group", "event_callbacks",
        "qos_overriding_options", "raw",
    ),
    "create_timer": ("timer_period_sec", "callback", "callback_group", "clock"),
    "declare_parameter": ("name", "value", "descriptor", "ignore_override"),
    "declare_parameters": ("namespace", "parameters", "ignore_override"),
    "describe_parameter": ("name",),
    "describe_parameters": ("names",),
    "destroy_client": ("client",),
    "destroy_node": (),
    "destroy_publisher": ("publisher",),
    "destroy_service": ("service",),
    "destroy_subscription": ("subscription",),
    "destroy_timer": ("timer",),
    "get_clock": (),
    "get_fully_qualified_name": (),
    "get_logger": (),
    "get_name": (),
    "get_namespace": (),
    "get_node_names": (),
    "get_node_names_and_namespaces": (),
    "get_parameter": ("name",),
    "get_parameter_or": ("name", "alternative_value"),
    "get_parameters": ("names",),
    "get_publisher_names_and_types_by_node": ("node_name", "node_namespace", "no_demangle"),
    "get_publishers_info_by_topic": ("topic_name", "no_mangle"),
    "get_service_names_and_types": (),
    "get_service_names_and_types_by_node": ("node_name", "node_namespace"),
    "get_subscriber_names_and_types_by_node": ("node_name", "node_namespace", "no_demangle"),
    "get_subscriptions_info_by_topic": ("topic_name", "no_mangle"),
    "get_topic_names_and_types": ("no_demangle",),
    "has_parameter": ("name",),
    "remove_on_set_parameters_callback": ("callback",),
    "resolve_service_name": ("service", "only_expand"),
    "resolve_topic_name": ("topic", "only_expand"),
    "set_parameters": ("parameter_list",),
    "set_parameters_atomically": ("parameter_list",),
    "undeclare_parameter": ("name",),
    # LifecycleNode
    "add_managed_entity": ("entity",),
    "create_lifecycle_publisher": (
        "msg_type", "topic", "qos_profile", "callback_group", "event_callbacks", "qos_overriding_options",
    ),
    "destroy_lifecycle_publisher": ("publisher",),
    "on_activate": ("state",),
    "on_cleanup": ("state",),
    "on_configure": ("state",),
    "on_deactivate": ("state",),
    "on_error": ("state",),
    "on_shutdown": ("state",),
    "trigger_activate": (),
    "trigger_cleanup": (),
    "trigger_configure": (),
    "trigger_deactivate": (),
    "trigger_shutdown": (),
    # Publisher
    "get_subscription_count": (),
    # Clock
    "create_jump_callback": ("threshold", "pre_callback", "post_callback"),
    "now": (),
}  # fmt: skip
"""Of nodes, lifecycle nodes, publishers and clocks."""
ATTRIBUTES = {
    "clients", "context", "default_callback_group", "executor", "guards", "handle", "publishers", "services",
    "subscriptions", "timers", "waitables", "publish", "assert_liveliness", "destroy", "topic", "topic_name",
    "clock_type", "ros_time_is_active", "set_ros_time_override", "add_waitable", "remove_waitable",
}  # fmt: skip
"""Further names of theirs, which others have as well."""
