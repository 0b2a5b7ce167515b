"""Telling people: which events are news, and how they reach a channel."""
