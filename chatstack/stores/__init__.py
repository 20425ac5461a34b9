"""Where the stack keeps its users, revoked tokens, forms, publications and chats."""
