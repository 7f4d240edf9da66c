"""Sign-in with accounts that people have elsewhere: identity providers by OpenID Connect."""
