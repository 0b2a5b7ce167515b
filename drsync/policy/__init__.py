"""Policy files: from text to a Config in which every type means valid."""
