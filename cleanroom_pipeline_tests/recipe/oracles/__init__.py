"""Operations against few-line oracles in Python, on generated cells."""
