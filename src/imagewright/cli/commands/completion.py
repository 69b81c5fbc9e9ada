"""`imagewright --install-completion`: cyclopts' own command, imported when it is called."""

from __future__ import annotations

from cyclopts.completion.install import create_install_completion_command

from imagewright.cli.app import app

install_completion = create_install_completion_command(app.install_completion, add_to_startup=True)
