"""The node for hours: does it keep memory, threads, descriptors and pace while people, cameras and listeners change?"""
