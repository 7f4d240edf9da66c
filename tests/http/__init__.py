"""What carries requests and answers: `app.http`."""
