"""How far a model falls back on real pictures: what it says of real people, beside other witnesses."""
