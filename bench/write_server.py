"""`python -m bench.write_server FOLDER PORT`: files over HTTP, with ranges, by sendfile(2)."""

import sys

from aiohttp import web


def main() -> None:
    """Serve until killed."""
    application = web.Application()
    application.router.add_static("/", sys.argv[1])
    web.run_app(application, port=int(sys.argv[2]), print=None, access_log=None)


if __name__ == "__main__":
    main()
