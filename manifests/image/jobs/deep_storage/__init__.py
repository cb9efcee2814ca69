"""What the Spark jobs of the deep storage share."""
