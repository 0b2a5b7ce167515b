"""What each kind of policy file may say, as pydantic models; one file a kind."""
