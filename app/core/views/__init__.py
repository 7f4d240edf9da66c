"""What of the list a person has chosen to see: columns and density, and views saved under a name."""
