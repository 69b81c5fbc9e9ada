"""The self-check: do metrics get worse on damaged pictures?"""
