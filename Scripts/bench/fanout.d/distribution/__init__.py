"""What `fanout` measures (cases), what it makes of the results (figures), and how it prints them (table)."""
