"""Write a video like another one: its times, colours, sound and subtitles, in segments that survive a kill."""
