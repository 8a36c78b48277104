"""The reading list as a page sees it: what is asked for, what is shown, and what has changed."""
