"""The list of all stages: the name in the YAML → the class. A new stage is one file and one line here."""
