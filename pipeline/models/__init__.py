"""What happens to models after a run: registered, found again, promoted, traced to their origin."""
