"""What a user can mend: every error of this family is shown as one message, without a traceback."""


class UserError(Exception):
    """Something outside the code is wrong: a config, a file, a credential, a missing thing.

    The message names what was wrong (file, row, field, value) and the expected form. It never
    holds prompt text, a secret or a value that was recognised as PII.
    """


class BadInput(UserError):
    """Data from outside that does not have the expected form."""
