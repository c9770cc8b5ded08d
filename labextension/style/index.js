import './base.css';
import './lineage.css';
import './data.css';
import './jobs.css';
import './history.css';
import './delivery.css';
