"""A second implementation of Shoal's documents, chunk protocol and joining, written from the pages in Protocol/ alone.

It exists to check the pages and the real agent against each other, so it shares no code with the agent and looks for
clarity rather than speed. `elements`, `envelope`, `documents`, `layout`, `wire` and `token` are pure; `agent`,
`connection` and `joining` speak to sockets.
"""
