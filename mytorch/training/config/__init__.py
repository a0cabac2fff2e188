"""From the text of a YAML file to a checked, frozen `Config`: positions, overrides, components, sections, schema."""
