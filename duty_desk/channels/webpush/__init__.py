"""Web push: a page to the phone in somebody's pocket, through its browser's push service."""
