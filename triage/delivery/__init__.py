"""Reports on their way out: queues per destination, C-STORE, retry with back-off."""
