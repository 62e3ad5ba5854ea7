"""What moved between ROS 2 distributions, imported in one place."""

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks  # Jazzy and later
except ImportError:
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks  # Humble

__all__ = ["PublisherEventCallbacks", "SubscriptionEventCallbacks"]
