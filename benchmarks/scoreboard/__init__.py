"""The scoreboard: what a run, its folder and its calls withstand, by count."""
