"""The investigation package: recipes are read, data points become members of one zip."""
