"""What result servers and the VOT toolkit take: packaging runs, checking anyone's files."""
