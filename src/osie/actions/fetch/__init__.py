"""Where an image comes from: sources whose bytes can be had from any place, over and over."""
