"""Stores of users, revoked tokens, forms, publications and chats."""
